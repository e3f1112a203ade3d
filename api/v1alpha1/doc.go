// Package v1alpha1 is the API medfence.io/v1alpha1: zones, devices and
// conduits, in the words of IEC 62443-3-2. Security owns DeviceZone and
// Conduit; clinical engineering owns MedicalDevice.
//
// +kubebuilder:object:generate=true
// +groupName=medfence.io
package v1alpha1
