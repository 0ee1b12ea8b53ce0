"""What has to be done for others after an answer, kept until it is done."""
