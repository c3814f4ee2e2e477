"""What a study is: its file, its arms, its levels."""
