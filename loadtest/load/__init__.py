"""Load on a running service, by Locust: what callers do, how many there are, and what they wait."""
