"""The routes that programs ask, as Flask blueprints."""
