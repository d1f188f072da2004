"""One file for each kind of cause. A rule takes a row, or the scene, and yields findings with
their evidence.
"""
