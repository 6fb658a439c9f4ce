"""The demo: the main job on data that comes with the wheel."""
