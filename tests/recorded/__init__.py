"""The recorded corpus: what the service answered once, and must answer again."""
