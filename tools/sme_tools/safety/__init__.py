"""Safety: secrets redacted, and text from hosts made safe to show."""
