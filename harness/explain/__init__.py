"""Why numbers are what they are: findings from a report's own evidence. Pure; torch is never needed."""
