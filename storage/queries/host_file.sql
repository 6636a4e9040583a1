-- What nobody may do: read a file of the host. Asked once at each start, as the user without a password.
SELECT count() AS lines FROM file('/dev/null', 'LineAsString')
