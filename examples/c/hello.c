/* A static program says who runs it and what time it is in Berlin. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	char text[64];
	time_t now = time(NULL);

	if (setenv("TZ", "Europe/Berlin", 1) != 0)
		return 1;
	tzset();
	if (strftime(text, sizeof text, "%H:%M %Z", localtime(&now)) == 0)
		return 1;
	if (printf("hello from uid %u, %s\n", (unsigned)getuid(), text) < 0)
		return 1;
	return fflush(stdout) == 0 ? 0 : 1;
}
