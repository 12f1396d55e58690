"""The investigation: from a symptom to a diagnosis that cites its evidence."""
