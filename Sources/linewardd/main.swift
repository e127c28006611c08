import Daemon

LinewardDaemon.start()
