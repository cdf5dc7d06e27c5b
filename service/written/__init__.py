"""What people wrote: files and variables, read with their lines, and every mistake told."""
