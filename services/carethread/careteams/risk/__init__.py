"""Rules that see a crisis coming: data that anybody can read, each answer traceable to the facts that it rests on."""
