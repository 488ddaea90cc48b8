"""Real text written by several processes to a server that is killed while they write."""
