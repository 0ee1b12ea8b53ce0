"""The main job, played on real parts: `qalta demo`. Every wallet is an OS process driven through its agent."""
