"""One form given to one person: a draft to answer, a link that leads there once, a Task, messages and reminders."""
