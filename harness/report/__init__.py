"""What every reporter needs: numbers as text, and records chosen, grouped and sorted."""
