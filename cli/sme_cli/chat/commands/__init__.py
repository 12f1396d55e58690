"""The commands of a conversation: `/hosts`, `/show`, … One file a subject, one table of all."""
