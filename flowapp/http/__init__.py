"""What every web room shares: credentials and scope, declared access, problem documents, the live broadcaster."""
