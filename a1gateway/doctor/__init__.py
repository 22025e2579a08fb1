"""`a1gateway doctor`: every outside party checked for real, beside the daemon or without one; nothing is changed."""
