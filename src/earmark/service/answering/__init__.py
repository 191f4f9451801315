"""What goes out: shapes, pages, ranges, problems, and how they are documented."""
