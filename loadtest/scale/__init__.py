"""The proof that replicas scale: what one to four carry, and an autoscaler under steps."""
