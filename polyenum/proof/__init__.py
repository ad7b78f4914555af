"""Proofs about a finished result, from the result alone; nothing here is shared with the walk."""
