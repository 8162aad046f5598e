package sim

import (
	"fmt"
	"net/http"
	"strings"
)

// text is what a message says, in our words; ids, severities and numbers of arguments are those of the DMTF registries
// (DSP8011) or of the vendor where the id carries its name.
type text struct {
	severity string
	says     string // %1, %2 … stand for arguments
	advice   string
}

var texts = map[string]text{
	"Success":                         {"OK", "The request was carried out.", "None."},
	"Created":                         {"OK", "The resource was created.", "None."},
	"GeneralError":                    {"Critical", "Something went wrong that has no message of its own.", "See the log of the manager."},
	"NoOperation":                     {"Warning", "The request changes nothing.", "None."},
	"InternalError":                   {"Critical", "The service met a state it does not know.", "Send the request again; reset the service if it fails again."},
	"MalformedJSON":                   {"Critical", "The body is no valid JSON.", "Correct the body and send it again."},
	"EmptyJSON":                       {"Warning", "The body holds nothing.", "Add what is to be changed."},
	"UnrecognizedRequestBody":         {"Warning", "The body was not understood.", "Correct the body and send it again."},
	"MissingOrMalformedPart":          {"Critical", "A part of the multipart body is missing or not readable.", "Send both parts."},
	"PropertyUnknown":                 {"Warning", "The property %1 is not known here.", "Leave it out."},
	"PropertyNotWritable":             {"Warning", "The property %1 can only be read.", "Leave it out."},
	"PropertyMissing":                 {"Warning", "The property %1 is required.", "Add it."},
	"PropertyValueTypeError":          {"Warning", "The value %1 of the property %2 is of another type than accepted.", "Correct the value."},
	"PropertyValueNotInList":          {"Warning", "The value %1 of the property %2 is not among the accepted ones.", "Choose an accepted value."},
	"PropertyValueFormatError":        {"Warning", "The value %1 of the property %2 is of another format than accepted.", "Correct the value."},
	"PasswordChangeRequired":          {"Critical", "The password has to be changed first, at %1.", "Change the password of this account."},
	"PropertyValueOutOfRange":         {"Warning", "The value %1 of the property %2 is outside the accepted range.", "Correct the value."},
	"PropertyValueConflict":           {"Warning", "The value of %1 does not go together with that of %2.", "Correct one of them."},
	"ActionNotSupported":              {"Critical", "The action %1 is not supported here.", "Use an action that the resource lists."},
	"ActionParameterMissing":          {"Critical", "The action %1 needs the parameter %2.", "Add the parameter."},
	"ActionParameterNotSupported":     {"Warning", "The parameter %1 of the action %2 is not supported here.", "Leave it out."},
	"ActionParameterValueFormatError": {"Warning", "The value %1 of the parameter %2 of the action %3 is of another format.", "Correct it."},
	"ActionParameterValueNotInList":   {"Warning", "The value %1 of the parameter %2 of the action %3 is not among the accepted ones.", "Choose an accepted value."},
	"ActionParameterValueConflict":    {"Warning", "The parameter %1 with the value %2 does not fit the present state.", "Wait for the state to change, then send it again."},
	"ResourceMissingAtURI":            {"Critical", "There is no resource at %1.", "Correct the URI."},
	"ResourceNotFound":                {"Critical", "There is no resource of type %1 named %2.", "Correct the name."},
	"ResourceInUse":                   {"Warning", "The resource is in use.", "Send the request again later."},
	"ResourceCannotBeDeleted":         {"Critical", "The resource cannot be deleted.", "None."},
	"ResourceCreationConflict":        {"Warning", "It cannot be created: the resource at %1 is in the way.", "Choose other members."},
	"ResourceAtUriUnauthorized":       {"Critical", "The service was not let in at %1: %2.", "Check the credential."},
	"InsufficientPrivilege":           {"Critical", "This account may not do that.", "Use another account."},
	"NoValidSession":                  {"Critical", "There is no valid session.", "Log in, then send the request again."},
	"SessionLimitExceeded":            {"Critical", "No more sessions can be opened.", "Close a session, then log in again."},
	"OperationNotAllowed":             {"Critical", "The method is not allowed on this resource.", "Use a method that Allow lists."},
	"PreconditionFailed":              {"Critical", "The ETag does not match that of the resource.", "Read the resource and try again with its ETag."},
	"PreconditionRequired":            {"Critical", "A write needs an ETag.", "Send If-Match with the ETag of the resource."},
	"PayloadTooLarge":                 {"Critical", "The body is larger than the service takes.", "Send a smaller one."},
	"HeaderMissing":                   {"Critical", "The header %1 is required.", "Add it."},
	"ServiceTemporarilyUnavailable":   {"Critical", "The service is not available for %1 seconds.", "Wait, then send the request again."},
	"ServiceInUnknownState":           {"Critical", "The service is in a state that takes no requests.", "Reset the service."},
	"ChassisPowerStateOffRequired":    {"Warning", "The chassis %1 has to be powered off first.", "Power it off, then send the request again."},
	"OperationFailed":                 {"Warning", "The operation failed.", "See the log of the manager."},
	"ResetRequired":                   {"Warning", "The component at %1 needs a reset of type %2.", "Reset it."},
	"SourceDoesNotSupportProtocol":    {"Critical", "The other end at %1 does not support %2.", "Use another protocol."},
	"TaskStarted":                     {"OK", "The task %1 has started.", "None."},
	"TaskCompletedOK":                 {"OK", "The task %1 has ended well.", "None."},
	"TaskAborted":                     {"Critical", "The task %1 has ended with an error.", "See the messages of the task."},
	"TaskProgressChanged":             {"OK", "The task %1 is at %2 percent.", "None."},
	"TargetDetermined":                {"OK", "The image %2 goes to %1.", "None."},
	"NoTargetsDetermined":             {"OK", "The image %1 is for no component of this machine.", "Choose the image for this model."},
	"TransferringToComponent":         {"OK", "The image %1 is on its way to %2.", "None."},
	"VerifyingAtComponent":            {"OK", "The image %1 is verified at %2.", "None."},
	"InstallingOnComponent":           {"OK", "The image %1 is written on %2.", "None."},
	"TransferFailed":                  {"Critical", "The image %1 could not be brought to %2.", "Check the source, then try again."},
	"VerificationFailed":              {"Critical", "The image %1 was not accepted by %2.", "Use an intact image that is meant for this component."},
	"ApplyFailed":                     {"Critical", "The image %1 could not be written on %2.", "See the log of the manager."},
	"AwaitToActivate":                 {"OK", "The image %1 on %2 waits for its activation.", "Reset what the component belongs to."},
	"UpdateSuccessful":                {"OK", "The image %2 runs on %1.", "None."},
	"UpdateInProgress":                {"OK", "An update is under way.", "None."},
	"OperationTransitionedToJob":      {"OK", "The operation goes on as the job %1.", "Follow the job."},
	"SYS011":                          {"Warning", "Committed values already wait for a restart.", "Wait for the job, or delete it."},
	"SYS413":                          {"OK", "The operation was carried out.", "None."},
	"PSU501":                          {"Warning", "The power state is the requested one already.", "None."},
	"RAC0218":                         {"Critical", "The greatest number of sessions is open.", "Close a session, or wait until one runs out."},
	"JCP001":                          {"OK", "The job has been scheduled.", "None."},
	"PR19":                            {"OK", "The job has ended well.", "None."},
	"PR21":                            {"Critical", "The job has failed.", "See the lifecycle log."},
	"PR20":                            {"OK", "The job is running.", "None."},
	"JCP052":                          {"Critical", "The job makes no progress.", "Reset the manager and try again."},
	"SystemResetRequired":             {"Warning", "The change takes effect at the next reset of the system.", "Reset the system."},
	"UnableToModifyDuringSystemPOST":  {"Warning", "The value cannot be changed while the system is in POST.", "Wait until POST has ended."},
	"InvalidOperationForSystemState":  {"Warning", "The operation is not valid in the present state of the system.", "Wait, then try again."},
	"FirmwareFlashInProgress":         {"Warning", "A flash is under way.", "Wait until it has ended."},
	"ResetInProgress":                 {"Warning", "A reset of the manager is under way.", "Wait, then log in again."},
}

// series tells which registry a message belongs to when it is not Base.
var series = map[string]string{
	"TaskStarted": "task", "TaskCompletedOK": "task", "TaskAborted": "task", "TaskProgressChanged": "task",
	"TargetDetermined": "update", "NoTargetsDetermined": "update", "TransferringToComponent": "update",
	"VerifyingAtComponent": "update", "InstallingOnComponent": "update", "TransferFailed": "update",
	"VerificationFailed": "update", "ApplyFailed": "update", "AwaitToActivate": "update", "UpdateSuccessful": "update",
	"UpdateInProgress": "update", "OperationTransitionedToJob": "update",
	"SYS011": "idrac", "SYS413": "idrac", "PSU501": "idrac", "RAC0218": "idrac", "JCP001": "idrac", "PR19": "idrac", "PR20": "idrac",
	"PR21": "idrac", "JCP052": "idrac",
	"SystemResetRequired": "ilo", "UnableToModifyDuringSystemPOST": "ilo", "InvalidOperationForSystemState": "ilo",
	"FirmwareFlashInProgress": "ilo", "ResetInProgress": "ilo",
}

// added holds the minor version of a registry that brought a message, where some dialect has an earlier one, and what services
// of that earlier one say instead.
var added = map[string]struct {
	minor   int
	instead string
	args    []string
}{
	"ActionParameterValueConflict": {12, "ResourceInUse", nil},
	"MissingOrMalformedPart":       {13, "UnrecognizedRequestBody", nil},
	"OperationNotAllowed":          {13, "GeneralError", nil},
	"PayloadTooLarge":              {13, "GeneralError", nil},
	"HeaderMissing":                {13, "GeneralError", nil},
	"NoTargetsDetermined":          {1, "ApplyFailed", []string{"the image", "any component of this machine"}},
}

// registryOf is the registry that a message belongs to, in the version that the dialect uses.
func (d *dialect) registryOf(key string) string {
	switch series[key] {
	case "task":
		return "TaskEvent.1.0"
	case "update":
		return d.updateRegistry
	case "idrac":
		return "IDRAC.2.7"
	case "ilo":
		return "iLO.2.26"
	}
	return d.baseRegistry
}

// msg makes a Message object of a registry message in the version that the dialect uses.
func (b *BMC) msg(key string, args ...string) obj {
	t, known := texts[key]
	if !known {
		panic("metalwright: internal error: simulated message " + key + ". This is a bug in Metalwright.")
	}
	prefix := b.dia.registryOf(key)
	if a, late := added[key]; late && atoi(prefix[strings.LastIndex(prefix, ".")+1:]) < a.minor {
		return b.msg(a.instead, a.args...)
	}
	says := t.says
	for i, a := range args {
		says = strings.ReplaceAll(says, fmt.Sprintf("%%%d", i+1), a)
	}
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a
	}
	return obj{"@odata.type": "#Message.v1_1_1.Message", "MessageId": prefix + "." + key, "Message": says, "MessageArgs": list,
		"Severity": t.severity, "MessageSeverity": t.severity, "Resolution": t.advice}
}

// errorBody is the envelope of DSP0266: code and message of the first, all of them as extended information.
func errorBody(msgs []obj) obj {
	list := make([]any, len(msgs))
	for i, m := range msgs {
		list[i] = m
	}
	return obj{"error": obj{"code": msgs[0]["MessageId"], "message": msgs[0]["Message"], "@Message.ExtendedInfo": list}}
}

// fail is an error answer.
func (b *BMC) fail(status int, msgs ...obj) *answer {
	return &answer{status: status, body: errorBody(msgs), header: map[string]string{}}
}

// done is the answer to a write that was carried out at once, in the manner of the dialect.
func (b *BMC) done(msgs ...obj) *answer {
	if !b.dia.saysSuccess && len(msgs) == 0 {
		return noContent()
	}
	if len(msgs) == 0 {
		msgs = []obj{b.msg("Success")}
	}
	return &answer{status: http.StatusOK, body: errorBody(msgs), header: map[string]string{}}
}
