# Completion of jailkeeper(1) for fish. The program itself knows what to offer.

JAILKEEPER_COMPLETE=fish jailkeeper | source
