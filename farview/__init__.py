"""Farview: who and what comes next, judged by long-run customer value."""
