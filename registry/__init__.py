"""What has a name, as data: components, suites, defaults, third-party plugins. No code."""
