"""Social needs lead to help: from an answer to what came of it, and to the person being told; each step by somebody."""
