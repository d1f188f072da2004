"""The suites in the box, one TOML file each."""
