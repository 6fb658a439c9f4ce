"""Ways to a posterior: its mode, importance draws around the mode, or NUTS. None knows what model it serves."""
