"""Who is asked what and when: rules as data, each person asked once, kindly, and never too often."""
