"""The wait-list: a freed slot is offered to one person after the other, whom it fits best first."""
