"""What a phone build needs beside the app: README.md says what is here, what was tried and what was not."""
