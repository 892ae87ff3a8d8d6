"""What people say of their care: a low score or a complaint is somebody's to answer, and a comment is read."""
