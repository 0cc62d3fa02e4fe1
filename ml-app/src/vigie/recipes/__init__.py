"""The models that Vigie ships, and the declarative recipe for anybody's table."""
