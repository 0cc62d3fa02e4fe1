"""Who may ask: keys and roles."""
