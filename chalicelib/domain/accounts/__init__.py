"""Rules of accounts: email addresses, passwords, networks and redirect URIs."""
