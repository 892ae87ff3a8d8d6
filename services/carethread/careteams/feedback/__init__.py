"""Feedback that is answered: a low score or a complaint has an owner, is resolved, and the person is told."""
