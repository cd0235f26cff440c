"""The cluster's own authority: who is who, said in certificates that it signs."""
