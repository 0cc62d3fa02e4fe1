"""Weather in a photo: cloudy, rain, shine or sunrise."""
