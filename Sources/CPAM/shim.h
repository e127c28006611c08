// Linux-PAM asks through callbacks of C, and wants memory that it frees itself: here is the one conversation that
// lineward-auth has with it. No function keeps a password: what is handed to PAM is wiped by PAM.
#ifndef CPAM_SHIM_H
#define CPAM_SHIM_H

#include <pwd.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

// Nothing of this process gets into a core file or to a debugger. Returns 0, or -1 when that cannot be had.
static inline int cpam_keep_private(void) {
  struct rlimit none = {0, 0};
  return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -1;
}

// Overwrites a secret; explicit_bzero is not left out by the compiler.
static inline void cpam_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }

struct cpam_secret {
  const char *password;
  int asked;
};

// Answers PAM: the password to the first question that must not be seen on screen, nothing to any other. What modules
// have to say to a person has nowhere to go.
static inline int cpam_converse(
    int count, const struct pam_message **messages, struct pam_response **answers, void *context) {
  struct cpam_secret *secret = context;
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  struct pam_response *given = calloc((size_t)count, sizeof *given);
  if (given == NULL) return PAM_BUF_ERR;
  for (int index = 0; index < count; index++) {
    switch (messages[index]->msg_style) {
    case PAM_PROMPT_ECHO_OFF:
      if (!secret->asked) {
        secret->asked = 1;
        given[index].resp = strdup(secret->password);
        if (given[index].resp != NULL) break;
      }
      // A second factor or a new password: that is for a login, not for here.
      __attribute__((fallthrough));
    case PAM_PROMPT_ECHO_ON:
      for (int done = 0; done <= index; done++)
        if (given[done].resp != NULL) {
          explicit_bzero(given[done].resp, strlen(given[done].resp));
          free(given[done].resp);
        }
      free(given);
      return PAM_CONV_ERR;
    default: break;
    }
  }
  *answers = given;
  return PAM_SUCCESS;
}

// The longest that a wrong password waits for its answer, in milliseconds.
enum { cpam_delay_longest = 3000 };

// What modules want a wrong password to wait, within bounds: it is waited in the process of that one request.
static inline void cpam_delay(int status, unsigned microseconds, void *context) {
  (void)context;
  if (status == PAM_SUCCESS) return;
  unsigned milliseconds = microseconds / 1000;
  if (milliseconds > cpam_delay_longest) milliseconds = cpam_delay_longest;
  struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000};
  nanosleep(&time, NULL);
}

// Asks PAM whether the password is that of the user (1), and whether the account may be used now (2). Returns PAM's code of
// the first step that failed, else PAM_SUCCESS; *step says which it was.
static inline int cpam_check(const char *service, const char *user, const char *password, int *step) {
  struct cpam_secret secret = {.password = password, .asked = 0};
  struct pam_conv conversation = {.conv = cpam_converse, .appdata_ptr = &secret};
  pam_handle_t *handle = NULL;
  *step = 0;
  int code = pam_start(service, user, &conversation, &handle);
  if (code != PAM_SUCCESS) return code;
  void (*delay)(int, unsigned, void *) = cpam_delay;
  code = pam_set_item(handle, PAM_FAIL_DELAY, (const void *)delay);
  if (code == PAM_SUCCESS) {
    *step = 1;
    code = pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  }
  if (code == PAM_SUCCESS) {
    *step = 2;
    code = pam_acct_mgmt(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  }
  pam_end(handle, code);
  return code;
}

// User number and user information (GECOS) of a login: 1 found, 0 there is none, negative: it could not be found out.
// `name` gets the name as the machine writes it. Both texts are cut where they do not fit.
static inline int cpam_login(
    const char *user, unsigned *number, char *name, size_t nameSize, char *information, size_t informationSize) {
  static char buffer[65536];
  struct passwd entry, *found = NULL;
  int code = getpwnam_r(user, &entry, buffer, sizeof buffer, &found);
  if (found == NULL) return code == 0 ? 0 : -code;
  *number = entry.pw_uid;
  strncpy(name, entry.pw_name, nameSize - 1);
  name[nameSize - 1] = 0;
  strncpy(information, entry.pw_gecos == NULL ? "" : entry.pw_gecos, informationSize - 1);
  information[informationSize - 1] = 0;
  return 1;
}

#endif
