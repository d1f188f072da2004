"""The worker side: what runs in a child process and may import torch."""
