"""What operators type beside starting and loading: what is there, what went wrong, and what is to be done about it.

These commands work on the databases, which the settings name, whether or not the services run; what a service has to
do, they leave for it as a request in its database.
"""
