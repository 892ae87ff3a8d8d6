"""What a department looks at together once a month, and what it decides."""
