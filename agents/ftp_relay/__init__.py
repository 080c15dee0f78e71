"""The relay between the telescopes and the science centre: custody, topics, and the SFTP store."""
