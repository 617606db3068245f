"""The release line: disclosure control, once. What is shown is read from what this room lets through."""
