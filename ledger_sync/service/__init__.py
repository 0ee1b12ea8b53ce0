"""What hosts a service: its process, its server, its keys, its clock, and the policy it goes by."""
