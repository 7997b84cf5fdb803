"""What is wrong with a folder of photos: copies, leaks between splits, odd files, labels that look mistaken."""
