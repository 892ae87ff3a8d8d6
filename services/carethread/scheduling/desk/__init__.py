"""The desk: hold, renew, release, book, reschedule, cancel and check, each in the transaction of who asks for it."""
