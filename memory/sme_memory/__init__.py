"""What happened: incidents and the evolution log."""
