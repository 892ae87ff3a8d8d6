"""The vocabulary that every service shares; imports no technology."""
