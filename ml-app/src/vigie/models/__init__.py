"""What a served model is: its signature, its package on disk, how rows become arrays."""
