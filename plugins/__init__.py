"""What ships in the box, each through the same public hooks as anyone's plugin."""
